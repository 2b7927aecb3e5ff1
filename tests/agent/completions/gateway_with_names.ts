/** A configuration whose boards have names that shells make difficult. */
export function configToml(stateDir: string): string {
  return `
[source]
url = "http://127.0.0.1:9/"
[gateway]
state_dir = "${stateDir}/state"
[[board]]
name = "greenhouse-1"
group = "houses"
match = { uid = "01" }
[[board]]
name = "north wing"
match = { uid = "02" }
[[board]]
name = "it's $5"
match = { uid = "03" }
`;
}
