/** Range of amounts, in minor units of the asset. An amount `a` fits when `min ≤ a ≤ max` and `a` is a multiple of `step`. */
export interface AmountLimits {
  readonly min: bigint
  readonly max: bigint
  readonly step: bigint
}
