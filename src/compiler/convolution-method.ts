import { isOp, type Node } from '../graph/node.js';
import type { Setting } from './setting.js';
import { fitsWinogradGradient } from './winograd-gradient.js';
import { fitsWinograd } from './winograd.js';

/** How a convolution is computed: as the direct sum, by minimal filtering, or so as one with 3x3 results and a large filter. */
export type ConvolutionMethod = 'direct' | 'winograd' | 'winogradGradient';

/** The cheapest way on a machine; undefined for what is no convolution. Depends on shapes and attributes only. */
export function convolutionMethod(node: Node | undefined, setting: Setting): ConvolutionMethod | undefined {
  if (node === undefined || !isOp(node, 'conv')) return undefined;
  if (fitsWinogradGradient(node, setting.winograd)) return 'winogradGradient';
  return fitsWinograd(node, setting) ? 'winograd' : 'direct';
}
