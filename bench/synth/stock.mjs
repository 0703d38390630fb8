// usage: stock.mjs COUNT OUTDIR    synthesizes the same charts with cdk8s' own App
import { App } from 'cdk8s';
import { Pipeline } from '../../lib/src/index.js';
import { addPipelines } from './pipelines.mjs';

const [count, outdir] = process.argv.slice(2);
const app = new App({ outdir });
addPipelines(Number(count), (name, props) => new Pipeline(app, name, props));
app.synth();
