#!/usr/bin/env node
import { run } from './run.js';

// A reader that went away (`loom … | head`) is no failure worth a stack trace.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(1);
  throw error;
});

process.exitCode = await run(process.argv.slice(2));
