import { afterAll, describe, expect, test } from 'vitest';
import { ArgumentError, DeviceError } from '../../src/core/errors.js';
import { inspect, tensor, Variable, type Tensor } from '../../src/index.js';
import { CpuDevice } from '../../src/runtime/cpu-device.js';
import { currentDevice, deviceNames, setDevice } from '../../src/runtime/index.js';
import { nativeMachine } from '../../src/runtime/native/native-machine.js';
import { usableDevices } from '../support/devices.js';

const machine = nativeMachine();
/** Why machine code cannot run here. */
const reason = typeof machine === 'string' ? machine : undefined;
const isNative = reason === undefined;

afterAll(() => {
  setDevice('auto');
});

describe('choosing a device', () => {
  test('auto is native where that is possible, and wasm otherwise', () => {
    const { name, description } = currentDevice();
    expect(name).toBe(isNative ? 'native' : 'wasm');
    expect(description).toBe(
      typeof machine === 'string'
        ? machine
        : `${machine.target.name} (${machine.target.machine.lanes} lanes)`,
    );
  });

  test.runIf(!isNative)(
    'native is refused, with the reason, where it is not possible; the device stays',
    () => {
      setDevice('reference');
      expect(() => {
        setDevice('native');
      }).toThrow(DeviceError);
      expect(() => {
        setDevice('native');
      }).toThrow(`device 'native' cannot be used: ${reason ?? ''}\n  hint: device 'auto'`);
      expect(currentDevice().name).toBe('reference');
    },
  );

  test.runIf(isNative)('native runs what it has no code for as wasm', async () => {
    const x = (): Tensor => tensor([0, 1, -2], { dtype: 'float64' }).exp().sum();
    setDevice('native');
    expect(inspect(x()).target).toBe('wasm');
    expect(inspect(tensor([0, 1, -2]).exp()).target).toBe('native');
    expect(await x().item()).toBe(1 + Math.E + Math.exp(-2));
  });

  test('unknown names are refused', () => {
    expect(() => {
      setDevice('gpu');
    }).toThrow(ArgumentError);
    expect(deviceNames()).toEqual(['auto', 'native', 'wasm', 'reference']);
  });

  test('all processor devices have one memory', () => {
    const memories = new Set<unknown>();
    for (const name of usableDevices()) {
      setDevice(name);
      const device = currentDevice();
      if (device instanceof CpuDevice) memories.add(device.memory);
    }
    expect(memories.size).toBe(1);
  });

  test('values go from device to device', async () => {
    const sums: number[] = [];
    setDevice('reference');
    const x = tensor(Float32Array.from({ length: 1000 }, (_, i) => i));
    const variable = new Variable(x);
    for (const name of [...usableDevices(), ...usableDevices().reverse()]) {
      setDevice(name);
      variable.assign(variable.mul(2).sub(x));
      sums.push(await variable.sum().item());
    }
    expect(new Set(sums)).toEqual(new Set([(1000 * 999) / 2]));
  });
});
