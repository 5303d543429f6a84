import { cifar10Lenet } from './cifar10-lenet.js';
import { digitsCnn } from './digits-cnn.js';
import { fashionCnn } from './fashion-cnn.js';
import { mnistCnn } from './mnist-cnn.js';
import { mnistCnnSmall } from './mnist-cnn-small.js';
import { mnistMlp } from './mnist-mlp.js';
import type { Recipe } from './recipe.js';
import { xor } from './xor.js';

export { cifar10Lenet, digitsCnn, fashionCnn, mnistCnn, mnistCnnSmall, mnistMlp, xor };
export type { LoadOptions, PictureFormat, Recipe, RecipeData } from './recipe.js';

/** All recipes that come with the library; the first is the one that trains when none is named. */
export const all: readonly Recipe[] = [
  digitsCnn,
  mnistCnn,
  mnistCnnSmall,
  mnistMlp,
  xor,
  fashionCnn,
  cifar10Lenet,
];
