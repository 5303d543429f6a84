import { TensorloomError } from '../core/errors.js';

/** A command that was called wrongly: exit code 2. */
export class UsageError extends TensorloomError {}
