// The lint rules as a function of the root folder, so that a test can apply them to a folder of bad examples.
import js from '@eslint/js';
import tseslint from 'typescript-eslint';

const TYPED_RULES = {
  // `void promise` would hide a lost rejection as well as a floating promise does.
  '@typescript-eslint/no-floating-promises': ['error', { ignoreVoid: false }],
  '@typescript-eslint/no-misused-promises': 'error',
  '@typescript-eslint/await-thenable': 'error',
  '@typescript-eslint/return-await': ['error', 'in-try-catch'],
  '@typescript-eslint/no-explicit-any': 'error',
  '@typescript-eslint/only-throw-error': 'error',
  '@typescript-eslint/prefer-promise-reject-errors': 'error',
  '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
  '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_', caughtErrors: 'none', ignoreRestSiblings: true }],
  '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true, allowNever: true }],
  '@typescript-eslint/no-unnecessary-type-assertion': 'error',
  '@typescript-eslint/no-deprecated': 'error',
  // Interfaces promise asynchrony that one implementation may not need.
  '@typescript-eslint/require-await': 'off',
  // verbatimModuleSyntax already demands `import type`; the lint rule would also rewrite the imports of injected
  // classes, whose values the decorator metadata needs.
  '@typescript-eslint/consistent-type-imports': 'off',
  // Strict text formats refuse control characters by name.
  'no-control-regex': 'off',
  eqeqeq: ['error', 'always', { null: 'ignore' }],
  'no-var': 'error',
  'prefer-const': 'error',
  'no-eval': 'error',
  'no-new-func': 'error',
  'no-implied-eval': 'off',
  '@typescript-eslint/no-implied-eval': 'error',
};

// Tests read vectors and answers whose shape the assertions themselves check.
const TEST_RULES = {
  '@typescript-eslint/no-unsafe-assignment': 'off',
  '@typescript-eslint/no-unsafe-member-access': 'off',
  '@typescript-eslint/no-unsafe-argument': 'off',
  '@typescript-eslint/no-unsafe-return': 'off',
  '@typescript-eslint/no-unsafe-call': 'off',
};

/** @param {string} rootDir the folder that holds tsconfig.test.json, the one project that sees every source and test */
export function lintConfig(rootDir) {
  return tseslint.config(
    { ignores: ['**/node_modules/', '**/dist/', '.nx/', '.countersign/', 'coverage/', 'testdata/'] },
    { linterOptions: { noInlineConfig: true, reportUnusedDisableDirectives: 'error' } },
    {
      files: ['**/*.ts'],
      extends: [js.configs.recommended, ...tseslint.configs.recommendedTypeChecked],
      languageOptions: { parserOptions: { project: ['./tsconfig.test.json'], tsconfigRootDir: rootDir } },
      rules: TYPED_RULES,
    },
    { files: ['**/test/**/*.ts'], rules: TEST_RULES },
    {
      files: ['**/*.mjs'],
      extends: [js.configs.recommended],
      languageOptions: {
        globals: { process: 'readonly', console: 'readonly', performance: 'readonly', Buffer: 'readonly', URL: 'readonly', setTimeout: 'readonly', setInterval: 'readonly', clearInterval: 'readonly' },
      },
      rules: { eqeqeq: 'error', 'no-var': 'error', 'prefer-const': 'error', 'no-unused-vars': ['error', { argsIgnorePattern: '^_', caughtErrors: 'none' }] },
    },
  );
}
