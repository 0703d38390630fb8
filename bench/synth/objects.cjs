// usage: objects.cjs FILE    writes the objects of one pipeline as JSON, by phase
const { writeFileSync } = require('node:fs');
const process = require('node:process');
const { App, Chart } = require('cdk8s');
const { Pipeline } = require('../../lib/src/index.js');
const { addPipelines } = require('./pipelines.cjs');

const app = new App();
addPipelines(1, (name, props) => new Pipeline(app, name, props));
const charts = app.node.findAll().filter((construct) => Chart.isChart(construct));
const objects = charts.map((chart) => [chart.node.id, chart.toJson()]);
writeFileSync(process.argv[2], JSON.stringify(Object.fromEntries(objects)));
