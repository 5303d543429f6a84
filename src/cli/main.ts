#!/usr/bin/env node
import * as module from 'node:module';

// Node 22 and later keep what they have made of the sources, in a folder for temporary files: the next start has less to read.
(module as { enableCompileCache?: () => unknown }).enableCompileCache?.();
const { run } = await import('./run.js');

// A reader that went away (`loom … | head`) is no failure worth a stack trace.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(1);
  throw error;
});

process.exitCode = await run(process.argv.slice(2));
