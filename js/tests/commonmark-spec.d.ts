/** The package has no types of its own. */
declare module "commonmark-spec" {
  export interface SpecExample {
    markdown: string;
    number: number;
  }
  export const tests: SpecExample[];
}
