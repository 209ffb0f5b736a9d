using Vae.Cli.Terminal;

namespace Vae.Tests.Unit.Cli;

public class ShellTextTests
{
    [Theory]
    [InlineData("vae sweep run a/b-1.yaml --home .vae", "sweep", "run", "a/b-1.yaml", "--home", ".vae")]
    [InlineData("vae train --encoder '[256, 128]' --set training.beta=4", "train", "--encoder", "[256, 128]", "--set", "training.beta=4")]
    [InlineData("vae sweep run 'my sweep.yaml'", "sweep", "run", "my sweep.yaml")]
    [InlineData(@"vae sweep run 'it'\''s.yaml'", "sweep", "run", "it's.yaml")]
    [InlineData("vae train --images '*' ''", "train", "--images", "*", "")]
    public void A_command_that_is_shown_can_be_pasted_into_a_shell(string shown, params string[] arguments) => Assert.Equal(shown, ShellText.Command(arguments));
}
