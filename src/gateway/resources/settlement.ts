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
      description: '`returned`: all of it was refunded or reversed before it was settled',
    }),
    currency: z.string(),
    amount: z.string().meta({ description: 'Received amount, less the part that repaid a debt' }),
    returned: z.string().meta({ description: 'Amount refunded or reversed before it was settled. It carries no fee.' }),
    fee: z.string().meta({ description: 'Fee that is or will be deducted' }),
    net: z.string().meta({ description: 'Amount that becomes available' }),
    due_at: z.string().meta({ format: 'date-time' }),
    settled_at: z.string().nullable(),
    created_at: z.string().meta({ format: 'date-time' }),
  })
  .meta({ id: 'Settlement', description: 'Received money that is pending until the hold has passed' })

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
