export { confusionChart } from './confusion-chart.js';
export type { ConfusionChartOptions } from './confusion-chart.js';
export { historyChart } from './history-chart.js';
export type { HistoryChartOptions } from './history-chart.js';
export { profileChart } from './profile-chart.js';
export type { ProfileChartOptions } from './profile-chart.js';
export { svgToPng } from './png.js';
export type { PngOptions } from './png.js';
