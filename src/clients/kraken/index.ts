export { createKraken, type Kraken, type KrakenPrice } from './client.ts'
