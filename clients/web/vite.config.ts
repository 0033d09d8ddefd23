import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'
import solid from 'vite-plugin-solid'

/** The built client is data of the Python package, so that one wheel holds everything. */
const outDir = fileURLToPath(new URL('../../src/vms/web', import.meta.url))

/** Where `npm run dev` finds a running product. */
const server = process.env.PRODUCT_ADDRESS ?? 'http://127.0.0.1:8000'

export default defineConfig({
  plugins: [solid()],
  build: {
    outDir,
    emptyOutDir: true,
    // The page runs under `default-src 'self'`: nothing is inlined, as data: or as script.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: 'es2022',
    reportCompressedSize: false,
  },
  server: {
    // A test reads the reasons of streams and of gaps from where they are written.
    fs: { allow: ['.', '../../docs/design', ...['access', 'front', 'sinks', 'sources'].map((crate) => `../../engine/crates/${crate}/src`)] },
    proxy: {
      '/api': { target: server, headers: { origin: server } },
      '/talk': { target: server, headers: { origin: server } },
      '/ws': { target: server, ws: true, headers: { origin: server } },
    },
  },
  test: {
    environment: 'happy-dom',
    include: ['src/**/*.test.{ts,tsx}'],
    coverage: {
      provider: 'v8',
      include: ['src/**/*.{ts,tsx}'],
      exclude: ['src/**/*.test.{ts,tsx}', 'src/main.tsx', 'src/**/testing.{ts,tsx}'],
      reporter: ['text-summary'],
      thresholds: { statements: 80, branches: 80, functions: 80, lines: 80 },
    },
  },
})
