/** All rows, in the order of the table. */
import { epochCnn } from './epoch.js';
import { heap } from './heap.js';
import { inferCnn } from './inference.js';
import { memoryRows } from './memory-bound.js';
import type { Row } from './row.js';
import { sgemmRows } from './sgemm.js';
import { startUpRows } from './start-up.js';
import { trainingRows } from './training.js';

export const rows: readonly Row[] = [
  ...sgemmRows,
  ...trainingRows,
  ...memoryRows,
  inferCnn,
  ...startUpRows,
  heap,
  epochCnn,
];
