import { defineConfig } from 'eslint/config'
import solid from 'eslint-plugin-solid/configs/typescript'
import tseslint from 'typescript-eslint'

/** A screen is a folder; screens never import one another, and what they share never imports them. */
const screens = ['account', 'audit', 'cameras', 'cases', 'cities', 'exports', 'places', 'playback', 'roles', 'setup', 'signin', 'storage', 'users', 'wall']

/** Rules for who may import none of these screens. */
const without = (names) => ({
  'no-restricted-imports': ['error', { patterns: [{ regex: `^(\\.\\./)+(${names.join('|')})(/|$)` }] }],
})

export default defineConfig(
  { ignores: ['node_modules', 'coverage', 'eslint.config.js'] },
  ...tseslint.configs.strictTypeChecked,
  ...tseslint.configs.stylisticTypeChecked,
  {
    languageOptions: {
      parserOptions: {
        project: './tsconfig.json',
        tsconfigRootDir: import.meta.dirname,
      },
    },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      'no-console': 'error',
      eqeqeq: 'error',
    },
  },
  { files: ['src/**/*.{ts,tsx}'], ...solid },
  { files: ['src/{api,lib,player,ui,i18n}/**'], rules: without(screens) },
  ...screens.map((screen) => ({
    files: [`src/${screen}/**`],
    rules: without(screens.filter((other) => other !== screen)),
  })),
)
