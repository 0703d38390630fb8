// usage: objects.cjs FILE ENGINE    writes the objects of one pipeline as JSON, by phase
const { writeFileSync } = require('node:fs');
const process = require('node:process');
const { App, Chart } = require('cdk8s');
const { Pipeline } = require('../../lib/src/index.js');
const { addPipelines } = require('./pipelines.cjs');

const [file, engine] = process.argv.slice(2);
const app = new App();
addPipelines(engine, 1, (name, props) => new Pipeline(app, name, props));
const charts = app.node.findAll().filter((construct) => Chart.isChart(construct));
const objects = charts.map((chart) => [chart.node.id, chart.toJson()]);
writeFileSync(file, JSON.stringify(Object.fromEntries(objects)));
