// usage: phased.cjs COUNT OUTDIR    synthesizes pipelines with PhasedApp, checks and README included
const process = require('node:process');
const { PhasedApp } = require('../../lib/src/index.js');
const { addPipelines } = require('./pipelines.cjs');

const [count, outdir] = process.argv.slice(2);
const app = new PhasedApp({ outdir });
addPipelines(Number(count), (name, props) => app.pipeline(name, props));
app.synth();
