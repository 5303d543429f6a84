// The mnist-cnn network as an ONNX file with random weights, written by hand: an ONNX file is one message of Protocol Buffers
// (https://protobuf.dev/programming-guides/encoding/), of the types and field numbers in onnx.proto (https://github.com/onnx/onnx).

const VARINT = 0;
const LENGTH_DELIMITED = 2;

/** @param {number} value @returns {number[]} */
const varint = (value) => (value < 128 ? [value] : [(value & 127) | 128, ...varint(value >>> 7)]);

/** A field with a number. @param {number} field @param {number} value */
const int = (field, value) => Buffer.from([...varint((field << 3) | VARINT), ...varint(value)]);

/** A field with bytes, a text or a message. @param {number} field @param {Uint8Array | string | Buffer[]} content */
const part = (field, content) => {
  const bytes = Array.isArray(content) ? Buffer.concat(content) : Buffer.from(content);
  return Buffer.concat([
    Buffer.from([...varint((field << 3) | LENGTH_DELIMITED), ...varint(bytes.length)]),
    bytes,
  ]);
};

const FLOAT = 1;
const ATTRIBUTE_INT = 2;
const ATTRIBUTE_INTS = 7;

/** AttributeProto of one or several whole numbers. @param {string} name @param {number | readonly number[]} value */
const attribute = (name, value) =>
  typeof value === 'number'
    ? [part(1, name), int(3, value), int(20, ATTRIBUTE_INT)]
    : [part(1, name), ...value.map((each) => int(8, each)), int(20, ATTRIBUTE_INTS)];

/**
 * NodeProto.
 *
 * @param {string} operation
 * @param {readonly string[]} inputs
 * @param {string} output
 * @param {Readonly<Record<string, number | readonly number[]>>} attributes
 */
const node = (operation, inputs, output, attributes = {}) =>
  part(1, [
    ...inputs.map((input) => part(1, input)),
    part(2, output),
    part(4, operation),
    ...Object.entries(attributes).map(([name, value]) => part(5, attribute(name, value))),
  ]);

/** TensorProto with random numbers. @param {string} name @param {readonly number[]} shape @param {number} scale */
const weights = (name, shape, scale) => {
  const size = shape.reduce((product, each) => product * each, 1);
  const data = Float32Array.from({ length: size }, () => (2 * Math.random() - 1) * scale);
  return part(5, [
    ...shape.map((each) => int(1, each)),
    int(2, FLOAT),
    part(8, name),
    part(9, new Uint8Array(data.buffer)),
  ]);
};

/** ValueInfoProto of a float tensor. @param {number} field @param {string} name @param {readonly number[]} shape */
const value = (field, name, shape) =>
  part(field, [
    part(1, name),
    part(2, [
      part(1, [
        int(1, FLOAT),
        part(
          2,
          shape.map((size) => part(1, [int(1, size)])),
        ),
      ]),
    ]),
  ]);

/** `x` [1, 1, 28, 28] to `y` [1, 10]. */
export function mnistCnnOnnx() {
  const kernel = { kernel_shape: [3, 3] };
  const pool = { kernel_shape: [2, 2], strides: [2, 2] };
  const graph = [
    node('Conv', ['x', 'w1', 'b1'], 'conv1', kernel),
    node('Relu', ['conv1'], 'relu1'),
    node('MaxPool', ['relu1'], 'pool1', pool),
    node('Conv', ['pool1', 'w2', 'b2'], 'conv2', kernel),
    node('Relu', ['conv2'], 'relu2'),
    node('MaxPool', ['relu2'], 'pool2', pool),
    node('Flatten', ['pool2'], 'flat'),
    node('Gemm', ['flat', 'w3', 'b3'], 'y', { transB: 1 }),
    part(2, 'mnist-cnn'),
    weights('w1', [32, 1, 3, 3], 1 / 3),
    weights('b1', [32], 1 / 3),
    weights('w2', [64, 32, 3, 3], 1 / 17),
    weights('b2', [64], 1 / 17),
    weights('w3', [10, 1600], 1 / 40),
    weights('b3', [10], 1 / 40),
    value(11, 'x', [1, 1, 28, 28]),
    value(12, 'y', [1, 10]),
  ];
  // ModelProto: the version of the format, the graph, the version of the operations.
  return Buffer.concat([int(1, 8), part(7, graph), part(8, [int(2, 17)])]);
}
