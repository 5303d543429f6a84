/** A contender in a process of its own, which may crash without harm: one JSON object a line in, one a line out. */
import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Contender } from './contender.js';

/** What a process answers: its version at the start, then one line for each request. `cpu` is processor time, in milliseconds. */
type Reply =
  | { readonly version: string }
  | { readonly ok: true }
  | { readonly times: number[]; readonly cpu: number }
  | { readonly cannot: string };

export interface ProcessOptions {
  /** On top of this process's own; undefined takes a variable away. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** Times that took more than one core's processor time do not count. */
  readonly oneCore?: boolean;
}

/** A process that says nothing for so long is given up for this row. */
const TIMEOUT_MILLISECONDS = 60_000;
/** Timers and garbage collectors may take this share of a second core. */
const ONE_CORE = 1.1;

export class ProcessContender implements Contender {
  readonly name: string;
  private readonly command: readonly [string, ...string[]];
  private readonly options: ProcessOptions;
  private child: ChildProcess | undefined;
  private waiting: ((reply: Reply) => void) | undefined;

  constructor(name: string, command: readonly [string, ...string[]], options: ProcessOptions = {}) {
    this.name = name;
    this.command = command;
    this.options = options;
  }

  /** Starts the process; gives the version of the library, or why it is not there. */
  async start(): Promise<{ readonly version: string } | { readonly cannot: string }> {
    const [file, ...args] = this.command;
    const env = { ...process.env, ...this.options.environment };
    const child = spawn(file, args, { stdio: ['pipe', 'pipe', 'pipe'], env });
    this.child = child;
    let complaint = '';
    child.stderr
      .setEncoding('utf8')
      .on('data', (text: string) => (complaint = (complaint + text).slice(-4000)));
    createInterface({ input: child.stdout }).on('line', (line) => {
      // Libraries greet on stdout too.
      if (line.startsWith('{')) this.settle(JSON.parse(line) as Reply);
    });
    child.on('error', (error) => this.settle({ cannot: error.message }));
    child.on('exit', (code, signal) => {
      if (this.child !== child) return;
      this.child = undefined;
      this.settle({
        cannot: lastWords(complaint) ?? `its process ended with ${signal ?? `code ${code ?? ''}`}`,
      });
    });
    // A process that has gone cannot be written to; its end is reported above.
    child.stdin.on('error', () => undefined);
    const reply = await this.reply();
    return 'version' in reply || 'cannot' in reply ? reply : { cannot: 'it did not say which version it is' };
  }

  async prepare(row: string): Promise<string | undefined> {
    if (this.child === undefined) {
      const started = await this.start();
      if ('cannot' in started) return started.cannot;
    }
    const reply = await this.ask({ ask: 'prepare', row });
    return 'cannot' in reply ? reply.cannot : undefined;
  }

  async run(row: string, milliseconds: number, threads: number): Promise<number[] | string> {
    const reply = await this.ask({ ask: 'run', row, milliseconds, threads });
    if (!('times' in reply)) return 'cannot' in reply ? reply.cannot : 'it did not answer with times';
    const { times, cpu } = reply;
    const cores = cpu / times.reduce((sum, time) => sum + time, 0);
    return this.options.oneCore === true && milliseconds > 0 && cores > ONE_CORE
      ? `it kept ${cores.toFixed(1)} cores busy`
      : times;
  }

  close(): void {
    const { child } = this;
    this.child = undefined;
    child?.kill('SIGKILL');
  }

  private ask(request: object): Promise<Reply> {
    const stdin = this.child?.stdin;
    if (stdin === null || stdin === undefined) return Promise.resolve({ cannot: 'its process has ended' });
    const reply = this.reply();
    stdin.write(`${JSON.stringify(request)}\n`);
    return reply;
  }

  private reply(): Promise<Reply> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.close();
        this.settle({ cannot: `no answer within ${TIMEOUT_MILLISECONDS / 1000} s` });
      }, TIMEOUT_MILLISECONDS);
      this.waiting = (reply) => {
        clearTimeout(timer);
        resolve(reply);
      };
    });
  }

  private settle(reply: Reply): void {
    const { waiting } = this;
    this.waiting = undefined;
    waiting?.(reply);
  }
}

/** The line of what a process wrote to stderr that says why it ended. */
function lastWords(complaint: string): string | undefined {
  const lines = complaint.split('\n').filter((line) => line.trim() !== '');
  return lines.findLast((line) => /^\w*(Error|Exception)\b/.test(line)) ?? lines.at(-1);
}
