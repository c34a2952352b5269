/** HTML's entities as the browser knows them, in place of markdown-it's own table of 18 KB. */

const known = new Map<string, string>();

/** `entity` is one whole reference, such as `&eacute;`; what HTML does not know stays as it is. */
export function decodeHTMLStrict(entity: string): string {
  let text = known.get(entity);
  if (text === undefined) {
    text = /^&[a-z0-9#]+;$/i.test(entity) ? decode(entity) : entity;
    known.set(entity, text);
  }
  return text;
}

function decode(entity: string): string {
  const { body } = new DOMParser().parseFromString(`<body>-${entity}`, "text/html");
  const text = (body.textContent ?? "").slice(1);
  // `&notit;` would read as `¬it;`: only a reference that was taken whole is one.
  return text.endsWith(";") && entity !== "&semi;" ? entity : text;
}
