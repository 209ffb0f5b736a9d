using Vae.Cli;
using Vae.Cli.Commands;
using Vae.Runtime.Remoting;
using Vae.Cli.Reports;
using Vae.Cli.Terminal;

namespace Vae.Tests.Unit.Cli;

public class CommandLineTests
{
    private const string Reference = "docs/cli.md";

    [Fact]
    public void The_contract_of_commands_is_kept() => Assert.Equal(
        ["cluster drain", "cluster status", "coordinator", "data info", "data make", "doctor", "model anomaly", "model arithmetic", "model compress", "model decompress", "model encode", "model evaluate", "model export", "model generate", "model interpolate", "model reconstruct", "model traverse", "sweep cancel", "sweep export", "sweep list", "sweep plan", "sweep results", "sweep resume", "sweep run", "sweep status", "sweep submit", "sweep validate", "sweep watch", "train", "worker"],
        CliRoot.Create().Subcommands.SelectMany(command => command.Subcommands.Count == 0 ? [command.Name] : command.Subcommands.Select(inner => $"{command.Name} {inner.Name}")).Order(StringComparer.Ordinal));

    [Fact]
    public void The_reference_is_current()
    {
        var text = Sweeps.Checkout.Read(Reference);
        var root = CliRoot.Create();

        text = Fill(text, "global", CliReference.GlobalOptions(root));
        text = Fill(text, "commands", CliReference.Commands(root));

        Sweeps.Checkout.IsCurrent(Reference, text);
    }

    [Fact]
    public void The_reference_tells_every_exit_code() =>
        Assert.All(Enum.GetValues<ExitCode>(), code => Assert.Contains($"\n| {(int)code} |", Sweeps.Checkout.Read(Reference)));

    [Theory]
    [InlineData("127.0.0.1:7431", "127.0.0.1", 7431)]
    [InlineData("coordinator.vae.svc:1", "coordinator.vae.svc", 1)]
    [InlineData("[::1]:7431", "::1", 7431)]
    public void An_address_is_a_host_and_a_port(string text, string host, int port) => Assert.Equal(new HostPort(host, port), NodeCommands.Endpoint(text).Current);

    [Theory, InlineData("host"), InlineData("host:"), InlineData(":7431"), InlineData("host:0"), InlineData("host:65536"), InlineData("::1:7431"), InlineData("host:-1"), InlineData("")]
    public void What_is_no_address_is_a_usage_error(string text) => Assert.Equal(ExitCode.Usage, Assert.Throws<CliException>(() => NodeCommands.Endpoint(text)).Code);

    [Theory]
    [InlineData("--workers", "many", "--workers must be a whole number in its range, not 'many'.")]
    [InlineData("--holdout", "z", "--holdout must be a number, not 'z'.")]
    [InlineData("--workers", "0", "--workers must be 1 to 256, not 0.")]
    public void A_value_of_the_wrong_kind_is_told_without_the_names_of_types(string option, string value, string told)
    {
        string[] command = option == "--holdout" ? ["data", "info", "sprites", option, value] : ["sweep", "run", "x.yaml", option, value];

        Assert.Equal(told, CommandRunner.ForPeople(Assert.Single(CliRoot.Create().Parse(command).Errors).Message));
    }

    [Fact]
    public void A_table_pads_words_to_the_right_and_numbers_to_the_left()
    {
        var table = new TextTable(new("word"), new("number", TextTable.Align.Right));
        table.Add("a", "1");
        table.Add("longer", "1000000");
        var text = new StringWriter();

        table.WriteTo(text);

        Assert.Equal("word     number\na             1\nlonger  1000000\n", text.ToString());
    }

    private static string Fill(string text, string name, string content)
    {
        var (open, close) = ($"<!-- {name} -->\n", $"<!-- /{name} -->");
        var (start, end) = (text.IndexOf(open, StringComparison.Ordinal), text.IndexOf(close, StringComparison.Ordinal));
        Assert.True(start >= 0 && end > start, $"{Reference} has no place for {name}.");
        return text[..(start + open.Length)] + content + text[end..];
    }
}
