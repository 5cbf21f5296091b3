export interface AmountLimits {
  readonly min: bigint
  readonly max: bigint
  readonly step: bigint
}
