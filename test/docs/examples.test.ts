/**
 * Runs the examples of the documentation comments in src/: each `ts` block with at least one `// =>` comment. An
 * expression followed by `// => literal` on its line must have that value, to six significant digits.
 */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { describe, expect, test } from 'vitest';

const SOURCES = fileURLToPath(new URL('../../src/', import.meta.url));

interface Example {
  readonly file: string;
  readonly line: number;
  readonly code: string;
}

/** The `ts` blocks in documentation comments of a file. */
function examplesOf(file: string): Example[] {
  const text = readFileSync(SOURCES + file, 'utf8');
  return [...text.matchAll(/\/\*\*[\s\S]*?\*\//g)].flatMap((comment) =>
    [...comment[0].matchAll(/```ts\n([\s\S]*?)```/g)].map((block): Example => {
      const start = comment.index + block.index;
      return {
        file,
        line: text.slice(0, start).split('\n').length,
        code: (block[1] ?? '').replaceAll(/^\s*\* ?/gm, ''),
      };
    }),
  );
}

/** The literal in a comment `// => literal` that follows a statement on its line. */
function expectedAfter(code: string, statement: ts.Statement): string | undefined {
  const [comment] = ts.getTrailingCommentRanges(code, statement.end) ?? [];
  if (comment === undefined) return undefined;
  return /^\/\/ => (.+)$/.exec(code.slice(comment.pos, comment.end))?.[1];
}

/** The same import inside a function. What comes from the library itself is in scope already. */
function dynamicImport(statement: ts.ImportDeclaration, source: ts.SourceFile): string {
  const from = statement.moduleSpecifier.getText(source);
  const bindings = statement.importClause?.namedBindings;
  if (from.includes('tensorloom') || bindings === undefined) return '';
  const names = ts.isNamedImports(bindings)
    ? `{ ${bindings.elements.map((each) => each.getText(source).replace(' as ', ': ')).join(', ')} }`
    : bindings.name.text;
  return `const ${names} = await load(${from});`;
}

/** The body of an async function that runs the example and hands what it asserts to `check`. */
function instrument(code: string): string {
  const source = ts.createSourceFile('example.ts', code, ts.ScriptTarget.ES2022, true);
  const parts = source.statements.map((statement) => {
    if (ts.isImportDeclaration(statement)) return dynamicImport(statement, source);
    const expected = expectedAfter(code, statement);
    const text = statement.getText(source);
    if (expected === undefined || !ts.isExpressionStatement(statement)) return text;
    const value = statement.expression.getText(source);
    return `check(${value}, ${JSON.stringify(value)}, (${expected}));`;
  });
  const { outputText } = ts.transpileModule(parts.join('\n'), {
    compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext },
  });
  return outputText;
}

/** Numbers to six digits, typed arrays as arrays; the rest as it is. */
function rounded(value: unknown): unknown {
  if (typeof value === 'number') return Number.isFinite(value) ? Number(value.toPrecision(6)) + 0 : value;
  if (ArrayBuffer.isView(value)) return Array.from(value as Float32Array, rounded);
  if (Array.isArray(value)) return value.map(rounded);
  if (typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype)
    return Object.fromEntries(Object.entries(value).map(([key, child]) => [key, rounded(child)]));
  return value;
}

type Check = (value: unknown, text: string, expected: unknown) => void;
type Runnable = (...scope: unknown[]) => Promise<void>;

/** Async functions' constructor, which has no name of its own. */
const AsyncFunction = (async () => undefined).constructor as new (...args: string[]) => Runnable;

async function run(example: Example): Promise<void> {
  const library = (await import('../../src/index.js')) as Record<string, unknown>;
  const own = (await import(/* @vite-ignore */ SOURCES + example.file)) as Record<string, unknown>;
  let checked = 0;
  const check: Check = (value, text, expected) => {
    checked++;
    expect(rounded(value), text).toEqual(rounded(expected));
  };
  const load = (specifier: string): Promise<unknown> =>
    import(
      /* @vite-ignore */ specifier.startsWith('.')
        ? path.join(SOURCES, path.dirname(example.file), specifier)
        : specifier
    );
  const scope: Record<string, unknown> = { ...library, ...own, check, load };
  const names = Object.keys(scope).filter((name) => /^[A-Za-z_$][\w$]*$/.test(name) && name !== 'default');
  await new AsyncFunction(...names, `{${instrument(example.code)}}`)(...names.map((name) => scope[name]));
  expect(checked, 'assertions that were reached').toBe(example.code.split('// => ').length - 1);
}

const files = readdirSync(SOURCES, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts'))
  .sort();
const examples = files.flatMap(examplesOf);
const asserting = examples.filter(({ code }) => code.includes('// => '));

describe('examples in the documentation of the sources', () => {
  test('are found', () => {
    expect(asserting.length).toBeGreaterThan(50);
  });
  test.each(asserting)('$file:$line', async (example) => {
    await run(example);
  });
  test.each(examples.filter((each) => !asserting.includes(each)))('$file:$line can be read', ({ code }) => {
    const { diagnostics = [] } = ts.transpileModule(code, { reportDiagnostics: true });
    expect(diagnostics.map(({ messageText }) => messageText)).toEqual([]);
  });
});
