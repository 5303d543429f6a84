export { digitsCnn } from './digits-cnn.js';
export { lenet } from './lenet.js';
export type { LenetOptions } from './lenet.js';
export { mnistCnn, mnistCnnSmall, mnistMlp } from './mnist.js';
export type { ClassifierOptions } from './mnist.js';
export { xor } from './xor.js';
