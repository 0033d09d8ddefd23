import { render } from 'solid-js/web'
import './ui/theme.css'
import './ui/pages.css'
import './ui/recordings.css'
import { App } from './App'

const root = document.getElementById('root')
if (root === null) throw new Error('index.html has no #root')
render(() => <App />, root)
