/** Somebody, as his keys name him. */
export interface Person {
  readonly tenant: string;
  readonly subject: string;
}
