// usage: phased.cjs COUNT OUTDIR ENGINE    synthesizes pipelines with PhasedApp, checks and README included
const process = require('node:process');
const { PhasedApp } = require('../../lib/src/index.js');
const { addPipelines } = require('./pipelines.cjs');

const [count, outdir, engine] = process.argv.slice(2);
const app = new PhasedApp({ outdir });
addPipelines(engine, Number(count), (name, props) => app.pipeline(name, props));
app.synth();
