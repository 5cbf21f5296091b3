export { createCoinGecko, type CoinGecko, type CoinGeckoSettings, type CoinPrice } from './client.ts'
