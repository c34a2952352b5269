/** Runs a module that came as text, in the way anywidget itself does. Fails where the page's policy is against it. */
export async function evaluate(esm: string): Promise<{ default: unknown }> {
  const url = URL.createObjectURL(new Blob([esm], { type: "text/javascript" }));
  try {
    return await import(url);
  } finally {
    URL.revokeObjectURL(url);
  }
}
