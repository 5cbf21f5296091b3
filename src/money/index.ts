export { assetOf, currencyOf, isCurrency, listCurrencies, scaleOf, type Asset } from './asset.ts'
export {
  add,
  formatAmount,
  isZero,
  minOf,
  money,
  multiply,
  parseAmount,
  subtract,
  sumOf,
  type Money,
  type Rounding,
} from './money.ts'
