// usage: phased.mjs COUNT OUTDIR    synthesizes pipelines with PhasedApp, checks and README included
import { PhasedApp } from '../../lib/src/index.js';
import { addPipelines } from './pipelines.mjs';

const [count, outdir] = process.argv.slice(2);
const app = new PhasedApp({ outdir });
addPipelines(Number(count), (name, props) => app.pipeline(name, props));
app.synth();
