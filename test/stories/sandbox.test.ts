import { runStories } from './stories.ts'

runStories('sandbox')
