import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

// Certificates of a company's own, which Node 20 reads at every start: most of the time that a small process takes. The
// servers of these tests have none.
delete process.env.NODE_EXTRA_CA_CERTS;

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    setupFiles: ['test/support/property-seed.ts'],
    // One less is the default, which leaves half of a machine with two cores idle while a test waits for a process.
    maxWorkers: availableParallelism(),
    // No test changes what others see, and loading the sources anew for every file takes a fifth of the time.
    isolate: false,
    // The built package is loaded as its users load it, not taken apart again.
    server: { deps: { external: [/\/dist\/(?:src|kernels)\//] } },
    // Whole processes are spawned and a few hundred megabytes are merged: slow machines need the room.
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
