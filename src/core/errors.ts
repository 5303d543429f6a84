/** The root of every error this library throws on purpose: `catch (e) { if (e instanceof TensorloomError) … }`. */
export class TensorloomError extends Error {
  /** What to do about it, in one sentence; empty when the message already says so. */
  readonly hint: string;

  constructor(message: string, hint = '', options?: ErrorOptions) {
    super(hint === '' ? message : `${message}\n  hint: ${hint}`, options);
    this.name = new.target.name;
    this.hint = hint;
  }
}

/** Shapes that do not fit the operation. */
export class ShapeError extends TensorloomError {}

/** A dtype that the operation does not take. */
export class DTypeError extends TensorloomError {}

/** An argument outside its domain: a negative size, an unknown name, a rate above one. */
export class ArgumentError extends TensorloomError {}

/** A device that is missing, broken or out of memory. */
export class DeviceError extends TensorloomError {}

/** A differentiation that cannot be done. */
export class GradientError extends TensorloomError {}

/** A value that was overwritten by a later update before anybody asked for it. */
export class StaleValueError extends TensorloomError {}

/** A data set or sample that cannot be used. */
export class DataError extends TensorloomError {}

/** A file or folder that cannot be written. */
export class FileError extends TensorloomError {}

/** A file whose bytes do not have the format they should have. */
export class FormatError extends TensorloomError {}

/** A checkpoint or model that does not belong to what it is loaded into. */
export class CheckpointError extends TensorloomError {}

/** A training run that went wrong: a loss that is not a number, say. */
export class TrainingError extends TensorloomError {}

/** A fault of this library itself; never the user's. */
export class InternalError extends TensorloomError {
  constructor(message: string) {
    super(
      `internal error: ${message}`,
      'this is a bug in tensorloom; please report it with the code that led here',
    );
  }
}
