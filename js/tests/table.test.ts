import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { readTable, type Table, tableView } from "../panel/table.ts";

/** Written by nbchat/attachments/frames.py, as tests/test_frames.py holds. */
const TABLES: ({ text: string } & Table)[] = JSON.parse(
  readFileSync(resolve(import.meta.dirname, "../../tests/fixtures/tables.json"), "utf8"),
);
const [TABLE] = TABLES as [(typeof TABLES)[0]];

describe("a table that was written for a model", () => {
  test.each(TABLES)("is read back cell by cell: $said", ({ text, said, head, rows }) => {
    expect(readTable(text)).toEqual({ said, head, rows });
  });

  test.each([
    "",
    "three rows:",
    "A list:\n\n- one",
    TABLE.text.replace("---", "--"),
    TABLE.text.replace("| 4.5 |", "|"),
    TABLE.text.replace("| Rome |", "|"),
    `${TABLE.text}\nThat was it.`,
    `Look: ${TABLE.text}`,
  ])("is not taken for one if it is any other text: %j", (text) => {
    expect(readTable(text)).toBeNull();
  });

  test("shows the types below the names, and every cell as text", () => {
    const [, tricky] = TABLES as [unknown, (typeof TABLES)[0]];
    const shown = tableView(tricky);
    expect(shown.querySelector("figcaption")?.textContent).toBe(tricky.said);
    expect([...shown.querySelectorAll("thead th")].map((th) => th.children.length)).toEqual([2, 2, 2]);
    expect([...shown.querySelectorAll("tbody td")].map((cell) => cell.textContent)).toEqual(
      tricky.rows.flatMap(([, ...row]) => row),
    );
    expect(shown.querySelector("td *")).toBeNull();
  });

  test("says what its rows and columns are, and sets numbers to the right", () => {
    const shown = tableView(TABLE);
    expect([...shown.querySelectorAll("th[scope=row]")].map((th) => th.textContent)).toEqual(["0", "1"]);
    expect([...shown.querySelectorAll("th.nbp-number span:first-child")].map((th) => th.textContent)).toEqual(
      ["population", "share (%)"],
    );
    expect(shown.querySelectorAll("td.nbp-number")).toHaveLength(4);
    expect(shown.querySelector("th:empty")).toBeNull();
  });

  test("says of every level of an index that it labels the row", () => {
    const [, , levels] = TABLES as [unknown, unknown, (typeof TABLES)[0]];
    const shown = tableView(levels);
    expect([...shown.querySelectorAll("th[scope=row]")].map((th) => th.textContent)).toEqual([
      "Rome",
      "2025",
      "Oslo",
      "2026",
    ]);
    expect(shown.querySelectorAll("td.nbp-number")).toHaveLength(2);
  });
});
