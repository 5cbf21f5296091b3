import { z } from 'zod'
import { currencyOf, formatAmount } from '#money'
import type { Settlement } from '#payments'

export const settlement = z
  .object({
    id: z.string().meta({ examples: ['stl_01kd3vq7m2e8wtzr4c9x5bnh6f'] }),
    object: z.literal('settlement'),
    livemode: z.boolean(),
    payment: z.string(),
    status: z.enum(['pending', 'settled', 'returned']).meta({
      description: '`returned`: all of it went back to the payer before it was settled',
    }),
    currency: z.string(),
    amount: z.string().meta({ description: 'What came, less what was repaid of a debt' }),
    returned: z
      .string()
      .meta({ description: 'What went back to the payer before it was settled: no fee is kept of it' }),
    fee: z.string().meta({ description: 'What is kept of it, or will be' }),
    net: z.string().meta({ description: 'What becomes available' }),
    due_at: z.string().meta({ format: 'date-time' }),
    settled_at: z.string().nullable(),
    created_at: z.string().meta({ format: 'date-time' }),
  })
  .meta({ id: 'Settlement', description: 'Money that came, on its way to being available' })

export const renderSettlement = (one: Settlement): z.output<typeof settlement> => ({
  id: one.id,
  object: 'settlement',
  livemode: one.livemode,
  payment: one.intentId,
  status: one.state,
  currency: currencyOf(one.gross.asset),
  amount: formatAmount(one.gross),
  returned: formatAmount(one.returned),
  fee: formatAmount(one.fee),
  net: formatAmount(one.net),
  due_at: one.dueAt.toISOString(),
  settled_at: one.settledAt?.toISOString() ?? null,
  created_at: one.createdAt.toISOString(),
})
