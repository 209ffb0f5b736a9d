using System.Diagnostics.CodeAnalysis;
using System.Text.Json;

namespace Vae.Shared.Sweeps;

/// <summary>A list of whole numbers, such as layer widths.</summary>
internal sealed class WholeList(int countMin, int countMax, int min, int max) : FieldType<ValueList<int>>
{
    private readonly WholeNumber<int> _item = new(min, max);

    public override string Name => "list of whole numbers";

    public override string Allowed => $"{countMin} to {countMax} numbers, each {_item.Allowed}";

    public override string Expectation => $"a list of {countMin} to {countMax} whole numbers, each {_item.Allowed}";

    public override bool TryRead(SourceNode node, [MaybeNullWhen(false)] out ValueList<int> value, [NotNullWhen(false)] out ReadFault? fault)
    {
        value = null;
        fault = null;
        if (node is not SourceNode.Sequence list)
        {
            fault = ReadFault.WrongType(node, node is SourceNode.Scalar { Quoted: false } scalar && NumberText.IsWhole(scalar.Text) ? $"write [{scalar.Text}]" : null);
            return false;
        }
        if (list.Items.Count < countMin || list.Items.Count > countMax)
        {
            fault = new(Rules.Range, list.Items.Count == 0 ? "an empty list" : $"a list of {list.Items.Count:N0}", null, node.At);
            return false;
        }

        var items = new int[list.Items.Count];
        for (var i = 0; i < items.Length; i++)
        {
            if (!_item.TryRead(list.Items[i], out items[i], out fault)) return false;
        }
        value = [.. items];
        return true;
    }

    public override string Display(ValueList<int> value) => value.ToString();

    public override void WriteJson(Utf8JsonWriter json, ValueList<int> value)
    {
        json.WriteStartArray();
        foreach (var item in value) json.WriteNumberValue(item);
        json.WriteEndArray();
    }

    public override void WriteSchema(Utf8JsonWriter json)
    {
        json.WriteString("type", "array");
        json.WriteNumber("minItems", countMin);
        json.WriteNumber("maxItems", countMax);
        json.WriteStartObject("items");
        _item.WriteSchema(json);
        json.WriteEndObject();
    }
}

/// <summary>Least and most workers of a pack.</summary>
internal readonly record struct WorkerRange(int Min, int Max);

/// <summary>A worker count, or the least and the most as a list of two.</summary>
internal sealed class WorkerRangeType(int max) : FieldType<WorkerRange>
{
    private readonly WholeNumber<int> _item = new(1, max);

    public override string Name => "whole number, or list of two";

    public override string Allowed => $"1 to {max:N0}, or [least, most]";

    public override string Expectation => $"a whole number from 1 to {max:N0}, or a list [least, most] of two";

    public override bool TryRead(SourceNode node, out WorkerRange value, [NotNullWhen(false)] out ReadFault? fault)
    {
        value = default;
        if (node is not SourceNode.Sequence list)
        {
            if (!_item.TryRead(node, out var count, out fault)) return false;
            value = new(count, count);
            return true;
        }
        if (list.Items.Count != 2)
        {
            fault = new(Rules.Type, $"a list of {list.Items.Count:N0}", null, node.At);
            return false;
        }
        if (!_item.TryRead(list.Items[0], out var low, out fault) || !_item.TryRead(list.Items[1], out var high, out fault)) return false;
        if (low > high)
        {
            fault = new(Rules.EmptyRange, $"[{low}, {high}], where the least is above the most", $"write [{high}, {low}]", node.At);
            return false;
        }
        value = new(low, high);
        return true;
    }

    public override string Display(WorkerRange value) => value.Min == value.Max ? _item.Display(value.Min) : $"[{value.Min}, {value.Max}]";

    public override void WriteJson(Utf8JsonWriter json, WorkerRange value) => json.WriteRawValue(Display(value));

    public override void WriteSchema(Utf8JsonWriter json)
    {
        json.WriteStartArray("oneOf");
        json.WriteStartObject();
        _item.WriteSchema(json);
        json.WriteEndObject();
        json.WriteStartObject();
        new WholeList(2, 2, 1, max).WriteSchema(json);
        json.WriteEndObject();
        json.WriteEndArray();
    }
}

/// <summary>A time such as <c>2h</c>, <c>90m</c> or <c>1h30m</c>.</summary>
internal sealed class Duration(TimeSpan min, TimeSpan max) : FieldType<TimeSpan>
{
    private static readonly (char Unit, long Seconds)[] Units = [('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];

    public override string Name => "duration";

    public override string Allowed => $"{Display(min)} to {Display(max)}, as `2h`, `90m`, `1h30m`";

    public override string Expectation => $"a duration from {Display(min)} to {Display(max)}, such as 2h, 90m or 1h30m";

    public override bool TryRead(SourceNode node, out TimeSpan value, [NotNullWhen(false)] out ReadFault? fault)
    {
        value = default;
        fault = null;
        if (node is not SourceNode.Scalar { IsNull: false } scalar) fault = ReadFault.WrongType(node);
        else if (!TryParse(scalar.Text, out var seconds))
        {
            fault = ReadFault.WrongType(node, NumberText.IsWhole(scalar.Text) ? $"say the unit, for example {scalar.Text}m" : null);
        }
        else if (seconds < min.TotalSeconds || seconds > max.TotalSeconds) fault = new(Rules.Range, node.Describe(), null, node.At);
        else value = TimeSpan.FromSeconds(seconds);
        return fault is null;
    }

    public override string Display(TimeSpan value)
    {
        var text = "";
        var left = (long)value.TotalSeconds;
        foreach (var (unit, seconds) in Units)
        {
            if (left >= seconds) text += $"{left / seconds}{unit}";
            left %= seconds;
        }
        return text.Length == 0 ? "0s" : text;
    }

    public override void WriteJson(Utf8JsonWriter json, TimeSpan value) => json.WriteStringValue(Display(value));

    public override void WriteSchema(Utf8JsonWriter json)
    {
        json.WriteString("type", "string");
        json.WriteString("pattern", "^(?=.)([0-9]{1,9}d)?([0-9]{1,9}h)?([0-9]{1,9}m)?([0-9]{1,9}s)?$");
    }

    // Units fall from days to seconds and appear once, so 30m1h is refused as the slip that it is.
    private static bool TryParse(string text, out long seconds)
    {
        seconds = 0;
        var at = 0;
        var next = 0;
        while (at < text.Length)
        {
            var start = at;
            while (at < text.Length && char.IsAsciiDigit(text[at])) at++;
            if (at == start || at == text.Length || at - start > 9) return false;
            var unit = Array.FindIndex(Units, next, u => u.Unit == text[at]);
            if (unit < 0) return false;
            seconds += long.Parse(text.AsSpan(start, at - start)) * Units[unit].Seconds;
            next = unit + 1;
            at++;
        }
        return text.Length > 0;
    }
}
