/** An error of the JSON 1.1 protocol: its type, and HTTP 400 as with all client errors. */
export class AwsRefusal extends Error {
  override readonly name = 'AwsRefusal';
  constructor(readonly type: string) {
    super(type);
  }
}
