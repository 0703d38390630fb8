// usage: stock.cjs COUNT OUTDIR ENGINE    synthesizes the same charts with cdk8s' own App
const process = require('node:process');
const { App } = require('cdk8s');
const { Pipeline } = require('../../lib/src/index.js');
const { addPipelines } = require('./pipelines.cjs');

const [count, outdir, engine] = process.argv.slice(2);
const app = new App({ outdir });
addPipelines(engine, Number(count), (name, props) => new Pipeline(app, name, props));
app.synth();
