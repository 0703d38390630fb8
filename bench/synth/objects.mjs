// usage: objects.mjs FILE    writes the objects of one pipeline as JSON, by phase
import { App, Chart } from 'cdk8s';
import { writeFileSync } from 'node:fs';
import { Pipeline } from '../../lib/src/index.js';
import { addPipelines } from './pipelines.mjs';

const app = new App();
addPipelines(1, (name, props) => new Pipeline(app, name, props));
const charts = app.node.findAll().filter((construct) => Chart.isChart(construct));
writeFileSync(
  process.argv[2],
  JSON.stringify(Object.fromEntries(charts.map((chart) => [chart.node.id, chart.toJson()]))),
);
