import { defineConfig } from "vitest/config";

export default defineConfig({
  // Not happy-dom: DOMPurify leaves `onerror` in place there.
  test: { environment: "jsdom", include: ["tests/**/*.test.ts"], testTimeout: 60_000, maxWorkers: 2 },
});
