import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { SummaryReporter } from './scripts/summary-reporter.mjs';

const slow = 'test/**/*.slow.test.ts';

export default defineConfig({
  resolve: {
    // Examples and tests may import the package by its name; they get the sources.
    alias: { tensorloom: fileURLToPath(new URL('./src/index.ts', import.meta.url)) },
  },
  test: {
    environment: 'node',
    // The library starts worker threads of its own, so each test file gets a process.
    pool: 'forks',
    reporters: ['default', new SummaryReporter()],
    coverage: { provider: 'v8', include: ['src/**'] },
    projects: [
      {
        extends: true,
        test: {
          name: 'fast',
          include: ['test/**/*.test.ts'],
          exclude: [slow],
          testTimeout: 30_000,
          maxWorkers: 2,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: 'slow',
          include: [slow],
          testTimeout: 300_000,
          hookTimeout: 300_000,
          // Whole trainings use all cores already.
          maxWorkers: 1,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
