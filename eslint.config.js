import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';

/**
 * The rooms of src/, from the ground up: a room may import its own row and the rows above it, never one below.
 * `unseen` names rooms above that it must not know all the same. docs/architecture.md says why.
 */
const rows = [
  { rooms: ['core'] },
  { rooms: ['graph'] },
  { rooms: ['compiler'] },
  { rooms: ['targets'] },
  { rooms: ['runtime'] },
  { rooms: ['tensor'], unseen: ['compiler', 'targets'] },
  { rooms: ['nn', 'optim'], unseen: ['compiler', 'targets', 'runtime'] },
  { rooms: ['data'], unseen: ['compiler', 'targets', 'runtime'] },
  { rooms: ['train'], unseen: ['compiler', 'targets', 'runtime'] },
  { rooms: ['models', 'interop', 'plot'], unseen: ['compiler', 'targets', 'runtime'] },
  { rooms: ['cli', 'studio'] },
];

/** @type {import('eslint').Linter.Config[]} */
const boundaries = rows.flatMap(({ rooms, unseen = [] }, row) => {
  const forbidden = [...rows.slice(row + 1).flatMap((below) => below.rooms), ...unseen];
  if (forbidden.length === 0) return [];
  return {
    files: rooms.map((room) => `src/${room}/**`),
    rules: {
      'no-restricted-imports': [
        'error',
        {
          patterns: [
            {
              regex: `\\.\\./(?:${forbidden.join('|')})/`,
              message: `${rooms.join(' and ')} must not know this room (the order of rooms: eslint.config.js).`,
            },
          ],
        },
      ],
    },
  };
});

export default defineConfig(
  {
    ignores: [
      '**/node_modules/',
      '**/dist/',
      'dist-*/',
      'coverage/',
      'runs/',
      'test/fixtures/',
      'test/goldens/',
    ],
  },
  tseslint.configs.strictTypeChecked,
  tseslint.configs.stylisticTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      eqeqeq: 'error',
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-non-null-assertion': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true, requireDefaultForNonUnion: false },
      ],
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/no-unnecessary-condition': ['error', { allowConstantLoopConditions: true }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      // Counted loops over several arrays at once are the normal case in kernels.
      '@typescript-eslint/prefer-for-of': 'off',
      // An interface is not assignable to a record, and trees of tensors are records.
      '@typescript-eslint/consistent-type-definitions': 'off',
      '@typescript-eslint/consistent-indexed-object-style': 'off',
      // It asks for the very `!` that no-non-null-assertion forbids.
      '@typescript-eslint/non-nullable-type-assertion-style': 'off',
      // Shape parameters that occur once still carry a shape to the caller's editor.
      '@typescript-eslint/no-unnecessary-type-parameters': 'off',
    },
  },
  {
    files: ['src/**'],
    rules: {
      'no-restricted-syntax': [
        'error',
        {
          selector: 'ExportDefaultDeclaration',
          message: 'Export by name: a reader finds a thing by its name.',
        },
      ],
    },
  },
  {
    files: ['test/**', 'examples/**', 'bench/**'],
    // Callbacks handed to the code under test are often async by its contract only.
    rules: { '@typescript-eslint/require-await': 'off' },
  },
  boundaries,
);
