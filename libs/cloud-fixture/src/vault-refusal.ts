/** An error of Vault's HTTP API. */
export class VaultRefusal extends Error {
  override readonly name = 'VaultRefusal';
  constructor(
    readonly status: number,
    ...reasons: readonly string[]
  ) {
    super(reasons.join('; '));
    this.reasons = reasons;
  }
  readonly reasons: readonly string[];
}
