import { render } from 'solid-js/web'
import './ui/theme.css'
import { Wall } from './wall/Wall'

const root = document.getElementById('root')
if (root === null) throw new Error('index.html has no #root')
render(() => <Wall />, root)
