export { createCoinbase, type Coinbase, type CoinbaseRate } from './client.ts'
