// Ends a test run with one plain line, `N passed, N failed` (and `, N skipped` when there are any), for tools that read the output.

export class SummaryReporter {
  /**
   * @param {readonly import('vitest/node').TestModule[]} modules
   * @param {readonly unknown[]} unhandledErrors
   */
  onTestRunEnd(modules, unhandledErrors) {
    const count = { passed: 0, failed: unhandledErrors.length, skipped: 0, pending: 0 };
    for (const module of modules) {
      for (const test of module.children.allTests()) count[test.result().state] += 1;
      // A file that cannot be imported, or a hook of a suite that throws, fails without any failed test.
      count.failed += module.errors().length;
      for (const suite of module.children.allSuites()) count.failed += suite.errors().length;
    }
    // Tests that never got to run (an interrupted run) are no success.
    const failed = count.failed + count.pending;
    const skipped = count.skipped > 0 ? `, ${String(count.skipped)} skipped` : '';
    process.stdout.write(`\n${String(count.passed)} passed, ${String(failed)} failed${skipped}\n`);
  }
}
