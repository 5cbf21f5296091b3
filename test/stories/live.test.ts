import { runStories } from './stories.ts'

runStories('live')
