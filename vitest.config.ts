import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Whole processes are spawned and a few hundred megabytes are merged: slow machines need the room.
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
