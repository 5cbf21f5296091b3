import { tellStories } from './stories.ts'

tellStories('sandbox')
