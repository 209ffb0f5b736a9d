using System.Text.Json;
using Serilog.Events;
using Serilog.Parsing;
using Vae.Runtime.Logging;

namespace Vae.Tests.Unit.Runtime;

public class LoggingTests
{
    [Fact]
    public void A_json_line_is_one_object_with_message_level_node_and_properties()
    {
        var entry = new LogEvent(DateTimeOffset.UnixEpoch, LogEventLevel.Warning, new IOException("disk\nfull"), new MessageTemplateParser().Parse("{Node} lost {Count} of {Share}"),
            [new("Node", new ScalarValue("w-\"1")), new("Count", new ScalarValue(3)), new("Share", new ScalarValue(double.NaN)), new("m", new ScalarValue("never"))]);
        var output = new StringWriter();
        new JsonLineFormatter("coordinator").Format(entry, output);

        var line = output.ToString();
        Assert.Equal(1, line.Count(c => c == '\n'));
        var json = JsonDocument.Parse(line).RootElement;
        Assert.Equal("1970-01-01T00:00:00Z", json.GetProperty("t").GetString());
        Assert.Equal("warning", json.GetProperty("l").GetString());
        Assert.Equal("coordinator", json.GetProperty("node").GetString());
        Assert.Equal("\"w-\\\"1\" lost 3 of NaN", json.GetProperty("m").GetString());
        Assert.Equal(3, json.GetProperty("Count").GetInt32());
        Assert.Equal("NaN", json.GetProperty("Share").GetString());
        Assert.Contains("disk\nfull", json.GetProperty("x").GetString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(-2, LogEventLevel.Error)]
    [InlineData(-1, LogEventLevel.Warning)]
    [InlineData(0, LogEventLevel.Information)]
    [InlineData(1, LogEventLevel.Debug)]
    [InlineData(2, LogEventLevel.Verbose)]
    public void Each_v_shows_one_level_more_and_each_q_one_less(int verbosity, LogEventLevel level) => Assert.Equal(level, NodeLogging.Level(verbosity));
}
