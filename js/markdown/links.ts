/** Which addresses of an answer the page may act upon. */

const SAFE = /^(?:https?:\/\/|mailto:)/i;

export function isSafeLink(href: string | null): href is string {
  return href !== null && SAFE.test(href);
}

/** The host an image would be asked from, or null where there is none that may be asked. */
export function remoteHost(source: string): string | null {
  if (!/^https?:\/\//i.test(source)) return null;
  try {
    return new URL(source).host;
  } catch {
    return null;
  }
}
