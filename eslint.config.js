import { defineConfig } from 'eslint/config'
import tseslint from 'typescript-eslint'

export default defineConfig(
  { ignores: ['dist/', 'target/', 'demo-output/'] },
  {
    files: ['js/**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true } },
    rules: {
      // Indexes that were just checked, and numbers in messages, need no ceremony.
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      // The public classes are declared apart from their code, which `createFace` is checked against.
      '@typescript-eslint/no-unsafe-class-instance-assignment': 'off',
      // A caller's row type is the one thing that says what JSON holds.
      '@typescript-eslint/no-unnecessary-type-parameters': 'off',
      // A listener in one line is easier to read than the same in three.
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      // What callers threw is passed on as it is.
      '@typescript-eslint/only-throw-error': 'off',
      '@typescript-eslint/prefer-promise-reject-errors': 'off',
    },
  },
  {
    files: ['**/*.mjs', 'eslint.config.js'],
    extends: [tseslint.configs.recommended],
    rules: { '@typescript-eslint/no-unused-vars': ['error', { varsIgnorePattern: '^_' }] },
  },
)
